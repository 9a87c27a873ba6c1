from django.contrib.auth.models import User
from django.test import TestCase
from shop.models import Product


class ProductCase(TestCase):
    @classmethod
    def setUpTestData(cls):
        cls.product = Product.objects.create(name="lamp")

    def test_first(self):
        self.product.name = "changed"
        self.product.save()
        self.assertEqual(Product.objects.get().name, "changed")

    def test_second(self):
        self.assertEqual(Product.objects.get().name, "lamp")

    def test_user(self):
        User.objects.create_user("ann", password="secret")
        self.assertTrue(self.client.login(username="ann", password="wrong"))
