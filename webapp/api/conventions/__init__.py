"""What every resource of the API keeps to: operations, fields, pages of lists, requests that are sent again."""
