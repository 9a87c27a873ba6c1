OWNER = "the project under test"
