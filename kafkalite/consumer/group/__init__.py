"""Membership in a group: who shares the partitions of the subscribed topics, and which of them are ours."""
