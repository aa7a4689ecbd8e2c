"""What statuses, kinds and reasons mean, a sentence each, for the report and the documentation."""

from webiml.types import Kind, Reason, Status

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
