"""SOQL, as far as it goes without child queries and semi-joins: parse, check, find, tell.

https://developer.salesforce.com/docs/atlas.en-us.soql_sosl.meta/soql_sosl/sforce_api_calls_soql.htm
"""
