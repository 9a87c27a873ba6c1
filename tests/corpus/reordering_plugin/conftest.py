def pytest_collection_modifyitems(config, items):
    dropped = [item for item in items if "dropped" in item.name]
    items[:] = [item for item in reversed(items) if item not in dropped]
    config.hook.pytest_deselected(items=dropped)


def pytest_report_header():
    return "marker-header"
