"""The modules that users import from. Every other module of the two packages is private."""

DOORS = (
    "jaxsample",
    "jaxsample.interop",
    "jaxsample.learn",
    "jaxsample.study",
    "jaxsample_models",
    "jaxsample_models.stories",
)
