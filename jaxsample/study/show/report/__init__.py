"""The results of studies as one page that needs no network."""

from jaxsample.study.show.report._contents import read as read
from jaxsample.study.show.report._page import page as page
from jaxsample.study.show.report._page import write as write
from jaxsample.study.show.report._tables import as_csv as as_csv
