"""Bulk API 2.0: jobs that take or give CSV.

https://developer.salesforce.com/docs/atlas.en-us.api_asynch.meta/api_asynch/bulk_api_2_0.htm
"""
