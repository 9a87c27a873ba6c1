"""The command line: parses, starts the project's interpreter early, and hands over to the controller."""
