"""The fixture `there`: the interpreter that has the package on trial."""

import sys

import pytest
from elsewhere import Interpreter


def pytest_addoption(parser):
    parser.addoption("--python", default=sys.executable, help="the interpreter with the package")


@pytest.fixture
def there(request):
    other = Interpreter(request.config.getoption("--python"))
    yield other
    other.close()
