"""The page of `jaxsample explore`: a chain with sliders, and what it does to a model's text.

`reader` keeps what the model has read, `rows` describes the next token, `writing` draws text,
`catalog` and `orders` list what the page offers, and `server` answers the browser.
"""
