"""The REST API's resources: functions from a call to a reply."""
