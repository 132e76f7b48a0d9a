"""Learn the hyperparameters of a sampler."""

from jaxsample.learn.learned import Learned as Learned
from jaxsample.learn.policy import Policy as Policy
from jaxsample.learn.soft import SoftMinP as SoftMinP
from jaxsample.learn.soft import SoftTopK as SoftTopK
from jaxsample.learn.soft import SoftTopP as SoftTopP
