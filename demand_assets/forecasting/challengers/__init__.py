"""Classes of model beside XGBoost that may compete for a region-item: what they must do, and those that come along."""
