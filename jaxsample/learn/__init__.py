"""Learn the hyperparameters of a sampler."""

from jaxsample.learn.bounds import constrain as constrain
from jaxsample.learn.bounds import unconstrain as unconstrain
from jaxsample.learn.cross_entropy import cross_entropy as cross_entropy
from jaxsample.learn.examples import Examples as Examples
from jaxsample.learn.examples import remember as remember
from jaxsample.learn.fit import Fit as Fit
from jaxsample.learn.fit import fit as fit
from jaxsample.learn.learned import Learned as Learned
from jaxsample.learn.policy import Policy as Policy
from jaxsample.learn.soft import SoftMinP as SoftMinP
from jaxsample.learn.soft import SoftTopK as SoftTopK
from jaxsample.learn.soft import SoftTopP as SoftTopP
from jaxsample.learn.soften import harden as harden
from jaxsample.learn.soften import soften as soften
