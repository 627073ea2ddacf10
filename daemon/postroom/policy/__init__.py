"""The policy of rules/*.toml: read, checked, frozen."""
