"""The stages: straight lines that join adapters and core."""
