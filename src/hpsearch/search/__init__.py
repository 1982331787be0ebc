"""Who proposes: search backends behind one protocol, and the registry that names them."""

from hpsearch.search.backend import NoProposal, Proposal, SearchBackend, Verdict

__all__ = ["NoProposal", "Proposal", "SearchBackend", "Verdict"]
