def test_sum(benchmark):
    assert benchmark(sum, range(100)) == 4950


def test_sorted(benchmark):
    assert benchmark(sorted, [3, 1, 2]) == [1, 2, 3]


def test_pedantic(benchmark):
    benchmark.pedantic(sum, args=((1, 2),), rounds=2, iterations=2)


def test_fails(benchmark):
    assert benchmark(len, "abc") == 4


def test_without():
    assert True
