import time

import pytest


class TestOne:
    @pytest.mark.parametrize("number", range(5))
    def test_member(self, class_fixture, number):
        time.sleep(0.02)


class TestTwo:
    @pytest.mark.parametrize("number", range(5))
    def test_member(self, class_fixture, number):
        time.sleep(0.02)


class TestXunit:
    log = []

    @classmethod
    def setup_class(cls):
        cls.log.append("setup")

    @pytest.mark.parametrize("number", range(3))
    def test_setup_class_ran_once_here(self, number):
        assert self.log == ["setup"]
