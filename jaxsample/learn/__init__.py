"""Training of samplers."""

from jaxsample.learn import _packages as _packages  # first, for its error
from jaxsample.learn._bounds import constrain as constrain
from jaxsample.learn._bounds import unconstrain as unconstrain
from jaxsample.learn._credit import Credit as Credit
from jaxsample.learn._credit import Group as Group
from jaxsample.learn._credit import KernelScore as KernelScore
from jaxsample.learn._credit import Rewards as Rewards
from jaxsample.learn._cross_entropy import cross_entropy as cross_entropy
from jaxsample.learn._examples import Examples as Examples
from jaxsample.learn._examples import remember as remember
from jaxsample.learn._features import DISTRIBUTION as DISTRIBUTION
from jaxsample.learn._fit import Fit as Fit
from jaxsample.learn._fit import fit as fit
from jaxsample.learn._learned import Learned as Learned
from jaxsample.learn._likelihood import logprobs as logprobs
from jaxsample.learn._pass_at_k import PassAtK as PassAtK
from jaxsample.learn._policy import Policy as Policy
from jaxsample.learn._policy_gradient import PolicyGradient as PolicyGradient
from jaxsample.learn._preferences import Pairs as Pairs
from jaxsample.learn._preferences import Preferences as Preferences
from jaxsample.learn._saving import load as load
from jaxsample.learn._saving import save as save
from jaxsample.learn._similarity import exact_match as exact_match
from jaxsample.learn._similarity import hamming as hamming
from jaxsample.learn._similarity import ngrams as ngrams
from jaxsample.learn._soft import SoftMinP as SoftMinP
from jaxsample.learn._soft import SoftTopK as SoftTopK
from jaxsample.learn._soft import SoftTopP as SoftTopP
from jaxsample.learn._soften import harden as harden
from jaxsample.learn._soften import soften as soften
