"""Mail templates to words. Of nothing but Jinja: policy and mail are others' affairs."""
