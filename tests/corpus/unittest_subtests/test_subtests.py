import unittest


class WithSubtests(unittest.TestCase):
    def test_all_pass(self):
        for number in range(3):
            with self.subTest(number=number):
                self.assertLess(number, 3)

    def test_some_fail(self):
        for number in range(4):
            with self.subTest("parity", number=number):
                self.assertEqual(number % 2, 0)

    def test_skip_inside(self):
        with self.subTest("skipped"):
            self.skipTest("inside a subtest")
        self.assertTrue(True)

    def test_plain(self):
        self.assertTrue(True)
