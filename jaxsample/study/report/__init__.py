"""The results of studies as one page that needs no network."""

from jaxsample.study.report.page import page as page
from jaxsample.study.report.page import write as write
from jaxsample.study.report.results import read as read
from jaxsample.study.report.tables import as_csv as as_csv
