"""A store of bars in the objects of a bucket: S3, Google Cloud Storage, Azure."""
