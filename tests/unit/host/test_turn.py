"""One change at a time: what another process has begun is waited for, as long as was asked."""

import threading

import pytest

from nodeops.core.errors import Refused
from nodeops.host.lock import held
from nodeops.host.trial import turn


def test_a_folder_that_another_holds_is_waited_for(tmp_path):
    other = held(tmp_path)
    other.__enter__()
    timer = threading.Timer(0.3, other.__exit__, (None, None, None))
    timer.start()
    with turn("firewall", tmp_path, 30), pytest.raises(Refused), held(tmp_path):
        pass
    timer.join()


def test_without_patience_it_is_refused_and_the_folder_is_free_again(tmp_path):
    with held(tmp_path), pytest.raises(Refused), turn("firewall", tmp_path, 0):
        pass
    with turn("firewall", tmp_path, 0):
        pass
    with held(tmp_path):
        pass
