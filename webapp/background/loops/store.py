"""The demand store and the app's rows: journal and catalogue come in, what planners adjust and upload goes out."""

from demand_assets.forecasting.dataset.attributes import Attributes
from demand_assets.forecasting.dataset.predecessors import Predecessors
from demand_assets.forecasting.store.journal import Journal
from demand_assets.forecasting.store.written_since import Rest
from webapp.adjustments.adjustments import tell_store
from webapp.adjustments.predecessors import follow_file
from webapp.background.journal import Followed, read_catalogue, read_journal
from webapp.background.pacing import QUIET, Paced
from webapp.data_quality.uploads import finish_upload
from webapp.db.written_since import rest_of
from webapp.region_items.attributes import follow
from webapp.region_items.prices_and_costs import follow_entries
from webapp.services import Services
from webapp.systems.signs_of_life import Heard

SECONDS = 0.5
"""Between two looks; most find that nothing is due."""
JOURNAL_SECONDS = 5.0
"""After so long the journal is read although no file seems to have come."""
CATALOGUE_SECONDS = 5.0
SWEEP_SECONDS = 600.0
"""How soon what a writer with a wrong clock told is found at the latest."""


class StoreLoop:
    """Journal, catalogue, attributes and predecessors -> rows; planners' adjustments -> the store; what was uploaded ->
    its place."""

    def __init__(self, services: Services) -> None:
        self._store, self._dataset = services.store, services.dataset
        self._journal = Journal(services.store)
        self._heard = Heard("store")
        self._unread = Rest(self._journal.changed, JOURNAL_SECONDS)
        self._untold = rest_of(services.settings.database_url)
        self._catalogue = Paced(CATALOGUE_SECONDS)
        self._listed: Followed | None = None
        self._predecessors: Predecessors | None = None
        self._sweep = Paced(SWEEP_SECONDS)
        self._followed: Attributes | None = None

    def step(self) -> float | None:
        """Look once."""
        try:
            if self._catalogue.is_due():
                self._listed = read_catalogue(self._store, self._listed)
                attributes = self._store.read_attributes()
                if attributes is not self._followed:
                    follow(attributes, self._dataset)
                    self._followed = attributes
                follow_entries(self._dataset)
                before, self._predecessors = self._predecessors, self._store.read_predecessors()
                if before == self._predecessors:  # for so long that every reader of demand knows them
                    follow_file(self._predecessors)
            if self._unread.is_over() and read_journal(self._journal):
                self._unread.end()
            if self._sweep.is_due():
                read_journal(self._journal, sweep=True)
                self._listed = None  # rows that were written by another program are found then too
            if self._untold.is_over():
                if tell_store(self._store):
                    self._untold.end()
                finish_upload(self._dataset)
        except OSError as error:
            self._unread.end()
            self._untold.end()
            self._heard.failed(f"the demand store cannot be read: {error}")
        else:
            self._heard.well()
        return QUIET if self._unread.is_settled and self._untold.is_settled else None
