"""Many due updates as a file: jobs of Salesforce's Bulk API 2.0, from the first claim to the last settled row."""
