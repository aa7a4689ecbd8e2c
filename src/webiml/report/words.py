"""What statuses, kinds and reasons mean, a sentence each, for the report and the documentation."""

from webiml.types import Kind, LinkReason, LinkStatus, Reason, Status

STATUS_MEANING: dict[Status, str] = {
    Status.KEPT: "A mask was found and the annotator is sure of it.",
    Status.REJECTED: "Both pictures were looked at, but there is no mask to trust; the reason says why.",
    Status.FAILED: "The pair could not be read or run; the reason says why.",
}

KIND_MEANING: dict[Kind, str] = {
    Kind.SPG: "The authentic picture is the background that was edited; the mask is what differs.",
    Kind.SDG: "The authentic picture gave an object that was pasted elsewhere; the mask is what matches.",
    Kind.IDENTICAL: "Nothing but the encoding differs, so there is no forgery to mark.",
    Kind.UNRELATED: "The two pictures share nothing that could be found.",
}

REJECTION_MEANING: dict[str, str] = {
    Reason.IDENTICAL: "The two pictures show the same, so there is nothing to mark.",
    Reason.UNRELATED: "The two pictures share nothing that could be found.",
    Reason.KIND_UNCERTAIN: "Neither kind is probable enough, and neither way to segment gave a sure mask.",
    Reason.UNKNOWN_AREA: "The authentic picture covers too little of the manipulated one.",
    Reason.NOTHING_FOUND: "No pixel is suspected at all.",
    Reason.LOW_QES: "Something was found, but too much of it is in doubt.",
    Reason.TOO_SMALL_AREA: "The mask covers less of the picture than the settings allow.",
    Reason.TOO_LARGE_AREA: "The mask covers more of the picture than the settings allow.",
    Reason.WRONG_MASK: "A person says that the mask is wrong.",
    Reason.NOT_A_PAIR: "A person says that the two pictures do not belong together.",
    Reason.NOT_MANIPULATED: "A person says that nothing was manipulated.",
    Reason.CHANGED_ALL_OVER: "A person says that the picture is changed as a whole, so that there is no area to draw.",
    Reason.UNCLEAR: "A person could not tell.",
    Reason.OTHER_FAULT: "A person rejected it for another reason; the note of the decision says which.",
    Reason.DISPUTED: "One person accepts it and another rejects it.",
}

FAILURE_MEANING: dict[str, str] = {
    Reason.MISSING_AUTHENTIC: "There is no authentic picture for this one.",
    Reason.MISSING_MANIPULATED: "There is no manipulated picture for this one.",
    Reason.AMBIGUOUS: "Two files claim the same place in the pair.",
    Reason.DUPLICATE_KEY: "An earlier row of the table has the same key.",
    Reason.BAD_ROW: "This row of the table cannot be understood.",
    Reason.IS_URL: "The table gives an address; only files are read.",
    Reason.NOT_FOUND: "The file does not exist.",
    Reason.NOT_FETCHED: "A link of the pair brought no picture into the store.",
    Reason.REMOVED: "Taken out of the data at somebody's request.",
    Reason.OTHER_BYTES: "The stored bytes are not those that their SHA-256 names.",
    Reason.OUTSIDE_FOLDER: "A link leads out of the folder that was given.",
    Reason.SYMLINK_LOOP: "The link leads to itself.",
    Reason.NOT_A_FILE: "This is a folder or a device, not a file.",
    Reason.UNREADABLE: "The file exists but cannot be read.",
    Reason.EMPTY_FILE: "The file holds no bytes.",
    Reason.NOT_AN_IMAGE: "The bytes are not a picture, whatever the name says.",
    Reason.TRUNCATED: "The picture ends before it is complete.",
    Reason.UNDECODABLE: "The picture is damaged and cannot be decoded.",
    Reason.TOO_MANY_PIXELS: "The picture has more pixels than --max-megapixels allows.",
    Reason.TOO_MANY_BYTES: "The file is larger than a picture may be.",
    Reason.TOO_SMALL: "The picture is too small to be looked at.",
    Reason.MASK_SIZE: "The published mask has another size than its picture.",
    Reason.MAP_SIZE: "The saved map has another size than its picture.",
    Reason.WORKER_DIED: "The process died on this input, for want of memory perhaps.",
    Reason.INTERNAL_ERROR: "A defect of webiml; please report it with the detail.",
}

REASON_MEANING: dict[str, str] = REJECTION_MEANING | FAILURE_MEANING

LINK_STATUS_MEANING: dict[LinkStatus, str] = {
    LinkStatus.FETCHED: "Its picture is in the store.",
    LinkStatus.UNCHANGED: "It was asked for again (`--refresh`), and its picture is still the same.",
    LinkStatus.REFUSED: "We may not ask for it, or may not keep it; the reason says why.",
    LinkStatus.FAILED: "It could not be had, or is no picture; the reason says why.",
}

LINK_REFUSAL_MEANING: dict[str, str] = {
    LinkReason.ROBOTS: "The robots.txt of its host, or of one that it leads to, forbids it, or could not be read.",
    LinkReason.OPTED_OUT: "Its server says noai, noimageai, noindex or none, or reserves text and data mining.",
    LinkReason.PRIVATE_ADDRESS: "Its host, or one that it leads to, has an address that is not public.",
    LinkReason.BAD_ADDRESS: "Not http or https, without a host, or with a password in it.",
    LinkReason.REMOVED: "Taken out of the store at somebody's request.",
}

LINK_FAILURE_MEANING: dict[str, str] = {
    LinkReason.GONE: "It is not there any more (404, 410).",
    LinkReason.FORBIDDEN: "Its server does not let us have it (401, 402, 403, 451).",
    LinkReason.RATE_LIMITED: "Its server is busy with us (429), or wants to be left alone for too long.",
    LinkReason.SERVER_ERROR: "Its server failed (5xx), however often it was asked.",
    LinkReason.HTTP_ERROR: "Its server gave another status than 200.",
    LinkReason.NO_SUCH_HOST: "The name of its host has no address.",
    LinkReason.NO_CONNECTION: "Its host refused the connection, or broke it.",
    LinkReason.TIMEOUT: "Its server let us wait for too long.",
    LinkReason.TOO_SLOW: "It came more slowly than `--least-rate`, or took longer than `--total-seconds`.",
    LinkReason.TOO_BIG: "It has, or would have had, more bytes than `--max-megabytes`.",
    LinkReason.CUT_SHORT: "Fewer bytes came than were announced.",
    LinkReason.TOO_MANY_REDIRECTS: "It leads on and on, in a circle, or nowhere.",
    LinkReason.EMPTY: "It has no bytes.",
    LinkReason.NOT_AN_IMAGE: "Its bytes are not a picture, whatever its server says.",
    LinkReason.BAD_IMAGE: "It begins as a picture does, but its header cannot be read, or it is too small.",
    LinkReason.TOO_MANY_PIXELS: "It has more pixels than `--max-megapixels`.",
    LinkReason.HASH_MISMATCH: "Its bytes have another SHA-256 than the source says.",
    LinkReason.NOT_FOUND: "A file of a folder that cannot be read.",
    LinkReason.BAD_ROW: "This row of the source cannot be understood.",
    LinkReason.LOST: "Its picture was in the store and is damaged or gone; the next run asks for it again.",
    LinkReason.WORKER_DIED: "Three workers of a cluster died while they asked for it and others.",
    LinkReason.INTERNAL_ERROR: "A defect of webiml; please report it with the detail.",
}
