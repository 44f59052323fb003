"""Archives that trades are downloaded from."""
