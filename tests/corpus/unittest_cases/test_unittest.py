import unittest

calls = []


def setUpModule():
    calls.append("module")


def tearDownModule():
    calls.clear()


class Plain(unittest.TestCase):
    def setUp(self):
        self.value = 1
        self.addCleanup(setattr, self, "value", None)

    def test_passes(self):
        self.assertEqual(self.value, 1)
        self.assertEqual(calls[0], "module")

    def test_fails(self):
        self.assertEqual(self.value, 2)

    def test_errors(self):
        raise RuntimeError("an error is a failure for pytest")

    def test_skips(self):
        self.skipTest("inside")

    @unittest.skip("decorated")
    def test_skipped(self):
        raise AssertionError

    @unittest.expectedFailure
    def test_expected_failure(self):
        self.fail("known")

    @unittest.expectedFailure
    def test_unexpected_success(self):
        self.assertTrue(True)


class WithClassSetup(unittest.TestCase):
    count = 0

    @classmethod
    def setUpClass(cls):
        cls.count += 1
        cls.order = []

    @classmethod
    def tearDownClass(cls):
        assert cls.count == 1

    def test_a(self):
        self.order.append("a")
        self.assertEqual(self.count, 1)

    def test_b(self):
        self.order.append("b")
        self.assertEqual(self.order, ["a", "b"])

    def test_c(self):
        self.order.append("c")
        self.assertEqual(self.order, ["a", "b", "c"])


class BrokenClassSetup(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        raise RuntimeError("setUpClass broke")

    def test_one(self):
        self.assertTrue(True)

    def test_two(self):
        self.assertTrue(True)


class SkippedClass(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        raise unittest.SkipTest("no class today")

    def test_one(self):
        self.fail("never")


class BrokenTearDown(unittest.TestCase):
    def tearDown(self):
        raise RuntimeError("tearDown broke")

    def test_one(self):
        self.assertTrue(True)


class Asynchronous(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        self.ready = True

    async def test_passes(self):
        self.assertTrue(self.ready)

    async def test_fails(self):
        self.assertFalse(self.ready)
