"""Words that stand on pages: labels in six languages, months, goods, school subjects."""

LANGUAGES: tuple[str, ...] = ("en", "de", "fr", "es", "it", "nl")
MONTHS = {
    "en": "January February March April May June July August September October November December",
    "de": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "es": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    "it": "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
    "nl": "januari februari maart april mei juni juli augustus september oktober november december",
}
_LABELS = """
invoice|Rechnung|Facture|Factura|Fattura|Factuur
receipt|Quittung|Ticket de caisse|Recibo|Ricevuta|Kassabon
application|Antrag|Demande|Solicitud|Domanda|Aanvraag
registration|Anmeldung|Inscription|Registro|Iscrizione|Inschrijving
price list|Preisliste|Tarifs|Lista de precios|Listino prezzi|Prijslijst
identity card|Ausweis|Carte d'identité|Tarjeta de identidad|Carta d'identità|Identiteitskaart
member card|Mitgliedskarte|Carte de membre|Carnet de socio|Tessera socio|Lidkaart
account statement|Kontoauszug|Relevé de compte|Extracto de cuenta|Estratto conto|Rekeningafschrift
certificate|Urkunde|Certificat|Certificado|Attestato|Certificaat
delivery note|Lieferschein|Bon de livraison|Albarán|Bolla di consegna|Pakbon
transcript|Zeugnis|Relevé de notes|Calificaciones|Pagella|Cijferlijst
timetable|Fahrplan|Horaires|Horario|Orario|Dienstregeling
ticket|Fahrkarte|Billet|Billete|Biglietto|Vervoersbewijs
date|Datum|Date|Fecha|Data|Datum
number|Nummer|Numéro|Número|Numero|Nummer
reference|Zeichen|Référence|Referencia|Riferimento|Kenmerk
customer|Kunde|Client|Cliente|Cliente|Klant
total|Summe|Total|Total|Totale|Totaal
subtotal|Zwischensumme|Sous-total|Subtotal|Imponibile|Subtotaal
tax|MwSt.|TVA|IVA|IVA|Btw
amount|Betrag|Montant|Importe|Importo|Bedrag
quantity|Menge|Quantité|Cantidad|Quantità|Aantal
price|Preis|Prix|Precio|Prezzo|Prijs
description|Bezeichnung|Désignation|Concepto|Descrizione|Omschrijving
item|Artikel|Article|Artículo|Articolo|Artikel
weight|Gewicht|Poids|Peso|Peso|Gewicht
name|Name|Nom|Apellidos|Cognome|Naam
given names|Vornamen|Prénoms|Nombre|Nome|Voornamen
date of birth|Geburtsdatum|Né(e) le|Nacimiento|Nato il|Geboortedatum
place|Ort|Lieu|Lugar|Luogo|Plaats
nationality|Nationalität|Nationalité|Nacionalidad|Cittadinanza|Nationaliteit
valid until|Gültig bis|Expire le|Válido hasta|Scadenza|Geldig tot
signature|Unterschrift|Signature|Firma|Firma|Handtekening
street|Straße|Rue|Calle|Via|Straat
phone|Telefon|Téléphone|Teléfono|Telefono|Telefoon
occupation|Beruf|Profession|Profesión|Professione|Beroep
account|Konto|Compte|Cuenta|Conto|Rekening
balance|Saldo|Solde|Saldo|Saldo|Saldo
credit|Haben|Crédit|Haber|Avere|Bij
debit|Soll|Débit|Debe|Dare|Af
page|Seite|Page|Página|Pagina|Pagina
from|Von|De|De|Da|Van
to|Nach|À|A|A|Naar
seat|Platz|Place|Asiento|Posto|Stoel
gate|Steig|Quai|Puerta|Binario|Spoor
class|Klasse|Classe|Clase|Classe|Klas
departure|Abfahrt|Départ|Salida|Partenza|Vertrek
passenger|Reisender|Passager|Pasajero|Passeggero|Reiziger
subject|Fach|Matière|Asignatura|Materia|Vak
mark|Note|Note|Nota|Voto|Cijfer
hours|Stunden|Heures|Horas|Ore|Uren
cash|Bar|Espèces|Efectivo|Contanti|Contant
change|Rückgeld|Rendu|Cambio|Resto|Wisselgeld
due|Zahlbar bis|Échéance|Vencimiento|Scadenza|Vervaldatum
yes|ja|oui|sí|sì|ja
no|nein|non|no|no|nee
remarks|Bemerkungen|Remarques|Observaciones|Note|Opmerkingen
thank you|Vielen Dank|Merci|Gracias|Grazie|Dank u wel
dear|Sehr geehrte|Cher|Estimado|Gentile|Geachte
yours sincerely|Mit freundlichen Grüßen|Cordialement|Atentamente|Cordiali saluti|Met vriendelijke groet
this certifies that|Es wird bescheinigt, dass|Nous certifions que|Se certifica que|Si attesta che|Dit verklaart dat
has passed|hat bestanden|a réussi|ha superado|ha superato|is geslaagd voor
received|Erhalten|Reçu|Recibido|Ricevuto|Ontvangen
paid|Bezahlt|Payé|Pagado|Pagato|Betaald
"""
_GOODS = """
bread rye|coffee beans|milk 1 l|olive oil|notebook A5|pencil set|desk lamp|garden hose|door handle|winter tyre
paint white|wool blanket|apple juice|tomato soup|green salad|grilled trout|lemon cake|espresso|mineral water
bicycle chain|brake pads|oil filter|copy paper|toner black|office chair|monthly fee|repair work|travel cost
cleaning|consulting|printing|hosting|screw M6|cable 3 m|battery AA|light bulb|rain jacket|sandals|scarf
tea black|honey|rice 1 kg|cheese|potatoes|butter|yoghurt|pasta|bananas|chocolate|soap|towel|candles
"""
_SUBJECTS = """
Mathematics|Physics|Chemistry|Biology|History|Geography|Music|Art|Physical Education|Philosophy|Economics|Latin
English|French|German|Spanish|Informatics|Statistics|Linear Algebra|Mechanics|Drawing|Law|Ethics|Politics
"""
LABELS: dict[str, dict[str, str]] = {
    row.split("|")[0]: dict(zip(LANGUAGES, row.split("|"), strict=True)) for row in _LABELS.strip().splitlines()
}
"""Every label by its English words, and in each language."""
GOODS = tuple(_GOODS.strip().replace("\n", "|").split("|"))
SUBJECTS = tuple(_SUBJECTS.strip().replace("\n", "|").split("|"))
