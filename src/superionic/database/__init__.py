"""The database: a private or the user's MongoDB, stores, reuse of results, queries; it knows no domain."""
