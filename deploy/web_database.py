"""``python -m deploy.web_database``: the web app's database at its present schema; prints the first sign-in link.

Both in one process, since importing the app takes most of the time. Prints nothing when somebody may sign in already.
"""

from flask_migrate import upgrade

from webapp import create_app
from webapp.accounts.sign_in.first_admin import make_first_admin_link
from webapp.services import Services


def main() -> None:
    """Upgrade the schema, then print the link that makes the first account."""
    app = create_app()
    services: Services = app.extensions["services"]
    with app.app_context():
        upgrade()
        if link := make_first_admin_link(services.settings):
            print(link)


if __name__ == "__main__":
    main()
