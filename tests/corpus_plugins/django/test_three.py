import pathlib
import time

import pytest
from django.db import connection, transaction
from shop.models import Product

LOG = pathlib.Path(__file__).with_name("database-log.txt")


@pytest.fixture
def database(db):
    with LOG.open("a") as file:
        file.write(f"{connection.settings_dict['NAME']}\n")
    time.sleep(0.05)


@pytest.mark.parametrize("turn", range(4))
def test_database_is_empty_each_time(database, turn):
    Product.objects.create(name="chair")
    assert Product.objects.count() == 1


def test_production_is_never_used(db):
    assert "production" not in str(connection.settings_dict["NAME"])


@pytest.mark.django_db(transaction=True)
def test_transaction():
    with transaction.atomic():
        Product.objects.create(name="table")
    assert Product.objects.count() == 1


def test_access_is_refused_without_a_mark():
    Product.objects.count()


def test_client(client):
    assert client.get("/").content == b"welcome"


def test_settings(settings):
    settings.USE_TZ = False


def test_settings_were_restored(settings):
    assert settings.USE_TZ is True
