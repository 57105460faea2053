"""Suite-wide policy: no deadlines (kernels compile on first call), same examples in CI."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

from tests.agreement_table import AgreementTable

settings.register_profile("dev", deadline=None, max_examples=50)
settings.register_profile("ci", deadline=None, derandomize=True, max_examples=60, print_blob=True)
settings.register_profile("fuzz", deadline=None, max_examples=5000, print_blob=True)
settings.load_profile(
    os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "dev")
)


def pytest_addoption(parser):
    parser.addoption("--agreement", metavar="FILE", help="write the table of docs/agreement.md")


def pytest_configure(config):
    if config.getoption("--agreement"):
        config.pluginmanager.register(AgreementTable(config.getoption("--agreement")))


SHARED = Path(__file__).parents[2] / "shared"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Return the folder of real patients beside the checkout, or skip with the reason."""
    folder = SHARED / "data"
    if not folder.is_dir():
        pytest.skip("the real-patient data folder ../shared/data is not beside this checkout")
    return folder
