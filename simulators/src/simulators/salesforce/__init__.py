"""Salesforce, simulated: REST, SOQL, Bulk API 2.0, OAuth, outbound messages and change events of one org."""
