"""The modules that users import from. Every other module of the two packages is private."""

# Each is for one other library, imports it at its top, and is imported by no other module.
LOOPS = (
    "jaxsample.interop.gemma",
    "jaxsample.interop.keras_hub",
    "jaxsample.interop.llguidance",
    "jaxsample.interop.lm_eval",
    "jaxsample.interop.maxtext",
    "jaxsample.interop.transformers",
    "jaxsample.interop.tunix",
)


DOORS = (
    "jaxsample",
    "jaxsample.interop",
    "jaxsample.learn",
    "jaxsample.show",
    "jaxsample.study",
    "jaxsample_models",
    "jaxsample_models.arithmetic",
    "jaxsample_models.stories",
)
