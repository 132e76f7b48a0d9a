"""Skip this folder where its marker is deselected: importing torch takes longer than the tests."""


def pytest_ignore_collect(config):
    return True if "not peers" in config.option.markexpr else None
