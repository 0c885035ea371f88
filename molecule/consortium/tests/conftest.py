"""The controllers of the three organisations: of all tests, which are one story."""

from datetime import UTC, datetime

import pytest
from members import ORGANISATIONS, Controller, founding


@pytest.fixture(scope="session")
def controllers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Controller]:
    folder = tmp_path_factory.mktemp("controllers")
    agreed = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {name: Controller(folder, name, founding(agreed)) for name in ORGANISATIONS}


@pytest.fixture
def alpha(controllers: dict[str, Controller]) -> Controller:
    return controllers["alpha"]


@pytest.fixture
def beta(controllers: dict[str, Controller]) -> Controller:
    return controllers["beta"]


@pytest.fixture
def gamma(controllers: dict[str, Controller]) -> Controller:
    return controllers["gamma"]
