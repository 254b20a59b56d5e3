"""What columns are called in the languages of the trade, by what they hold."""

import re
import unicodedata
from collections.abc import Collection, Iterable
from functools import lru_cache

DATE = """date day week month period time timestamp datetime ds dt calendar yearmonth yearweek yearmonthday invoicedate
 orderdate salesdate saledate transactiondate postingdate
 datum tag woche monat kw kalenderwoche kalendertag periode zeit zeitraum buchungsdatum belegdatum verkaufsdatum
 bestelldatum jour semaine mois fecha dia semana mes periodo data giorno settimana mese dato paiva pvm kuukausi viikko
 dzien tydzien miesiac mesic den tyden maand dag vecka manad maned uke tarih gun hafta ay дата день неделя месяц период
 日付 年月日 日期 年月 月 週 日 売上日 販売日 날짜 일자 월 ημερομηνια תאריך التاريخ تاريخ"""
REGION = """region store shop location branch outlet site warehouse market country depot city plant state area zone
 territory division storeid shopid salesoffice office
 filiale laden geschaft markt standort werk lager gebiet niederlassung verkaufsstelle land stadt
 magasin boutique pays ville entrepot agence depot tienda sucursal almacen pais ciudad local negozio punto vendita
 regione magazzino loja regiao filial winkel filiaal regio butik butikk forretning sklep magazyn prodejna kauppa
 магазин регион филиал склад город 店舗 店名 店 地域 支店 門市 门店 地区 店铺 店号 매장 지점 지역 magaza sube bolge
 καταστημα περιοχη סניף المتجر فرع"""
ITEM = """item product sku article material dept department itemid productid skuid stockcode ean upc gtin asin isbn plu
 part partnumber productcode itemcode articlenumber
 artikel produkt ware artikelnummer artikelnr materialnummer erzeugnis
 produit reference ref articulo producto codigo prodotto articolo codice produto artigo vare tuote towar zbozi vyrobek
 товар артикул продукт номенклатура 商品 商品名 商品コード 品目 製品 品名 产品 品番 货号 상품 품목 제품 urun stok
 προιον מוצר المنتج صنف"""
WEAK_ITEM = """category brand family class group subcategory
 warengruppe kategorie marke categorie marque categoria marca
 familia gruppe segment description beschreibung bezeichnung libelle descripcion descrizione name title kategori
 style model variant modell modele modello modelo カテゴリ 类别 id code"""
DEMAND = """demand quantity qty units unit sold sales volume pieces pcs orders ordered shipped consumption usage y move
 movement unitssold unitsales salesqty soldqty orderqty salesunits target
 menge stuck stueck stk absatz verkauf verkauft verkaufe verkaeufe anzahl bedarf nachfrage verbrauch absatzmenge
 verkaufsmenge ventes quantite qte vendu vendus demande cantidad ventas unidades demanda vendidas piezas cant vendite
 quantita qta pezzi venduto domanda quantidade vendas qtd qtde aantal verkoop verkopen afzet antal salg solgt
 forsaljning salt myynti maara ilosc sprzedaz mnozstvi prodej prodano количество продажи спрос продано 数量 売上数
 販売数 販売数量 売上数量 需要 出荷数 销量 销售量 销售数量 수량 판매량 수요 miktar adet satis
 ποσοτητα כמות الكمية كمية"""
MONEY = """revenue turnover amount value umsatz erlos betrag ca chiffre montant importe ingresos fatturato importo
 faturamento receita omzet omsetning omsattning liikevaihto wartosc
 trzba выручка сумма 売上 売上高 金額 销售额 金额 매출
 매출액 tutar ciro"""
AFTERWARDS = """customers customer transactions visitors visits footfall traffic profit margin returns returned tickets
 baskets kunden kundenanzahl besucher gewinn marge clients clientes clienti beneficio utile retouren bons klanten
 客数 顾客 고객 lost lostsales"""
STOCK = """stock inventory onhand availability available bestand lagerbestand stockout oos inventario existencias
 giacenza estoque voorraad lager 在庫 库存 재고 остаток"""
PRICE = """price preis vk vkpreis verkaufspreis prix precio prezzo
 preco prijs pris cena hinta цена 価格 単価 价格 单价 가격
 fiyat τιμη sellprice unitprice listprice"""
COST = """cost unitcost itemcost costprice costperunit purchaseprice purchasecost buyingprice cogs landedcost
 standardcost kosten stuckkosten selbstkosten einstand einstandspreis einkaufspreis ek ekpreis einkauf cout coutunitaire
 prixachat coste costeunitario preciocompra costo costounitario prezzoacquisto custo custounitario kostprijs
 inkoopprijs inkoop kostpris inkopspris innkjopspris koszt cenazakupu naklady nakupnicena себестоимость закупка 原価
 成本 仕入値 进价 원가 maliyet"""
PROMO = """promo promotion promotions onpromotion campaign offer deal feat feature display discount markdown coupon
 advert ad leaflet aktion werbung rabatt angebot promocion oferta descuento promozione sconto offerta promocao desconto
 aanbieding kampanj kampanje tilbud akce sleva promocja znizka акция
 скидка 特売 割引 促销 折扣 행사 할인 kampanya indirim"""
HOLIDAY = """holiday holidays isholiday event events snap feiertag ferien schulferien festivo feriado festivita vacances
 ferie feestdag vakantie helligdag svatek swieto праздник 祝日 休日 节假日 假日 공휴일 tatil stateholiday schoolholiday
 schoolbreak"""
OPEN = """open opened isopen offen geoffnet ouvert abierto aperto aberto geopend"""
CLOSED = """closed isclosed geschlossen ferme cerrado chiuso fechado gesloten"""
WEATHER = """temperature temp rain rainfall weather snow sun sunshine humidity wind precipitation wetter temperatur
 regen niederschlag meteo pluie temperatura lluvia pioggia tiempo погода 気温 天気 降水量 气温 天气"""
CALENDAR = """weekday dayofweek dow wochentag weekofyear year jahr annee ano anno quarter quartal month week monthnumber
 monat woche jour曜日 曜日 星期 年 年份 dayofyear weekend isweekend"""
YEAR = "year jahr annee ano anno jaar ar rok год 年 年份 년 yil yr fiscalyear"
MONTH = "month monat mois mes mese maand manad maned miesiac mesic месяц 月 月份 월 ay mon"
WEEK = "week woche kw kalenderwoche semaine semana settimana tydzien tyden viikko vecka uke неделя 週 周 hafta wk"
DAY = "day tag jour dia giorno dag dzien den день 日 일 gun dayofmonth"

END = """end ending ended ends ende endend endet endedatum wochenende fin finissant fine fim einde slut koniec konec
 bis weekending weekend weekenddate weekendingdate"""

_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_NO_LETTERS = re.compile(r"[\W_]+")
_APART = re.compile(r"[^\w]+|_+")
_LISTS = {"date": DATE, "region": REGION, "item": ITEM, "weak item": WEAK_ITEM, "demand": DEMAND, "money": MONEY,
          "afterwards": AFTERWARDS, "stock": STOCK, "price": PRICE, "cost": COST, "promo": PROMO, "holiday": HOLIDAY,
          "open": OPEN, "closed": CLOSED, "weather": WEATHER, "calendar": CALENDAR, "year": YEAR,
          "month": MONTH, "week": WEEK, "day": DAY}


def plain(word: str) -> str:
    """A word without accents and capitals; letters of other scripts as they are."""
    word = word.replace("ß", "ss")
    apart = unicodedata.normalize("NFKD", word)
    bare = "".join(letter for letter in apart if not unicodedata.combining(letter) or ord(letter) > 0x3000)
    return unicodedata.normalize("NFC", bare).lower().strip()


_WORDS = {kind: frozenset(map(plain, words.split())) for kind, words in _LISTS.items()}
_ENDS = frozenset(END.split())
_ALL = frozenset().union(*_WORDS.values())
_LONG = {kind: tuple(word for word in words if len(word) >= 5 or not word.isascii())
         for kind, words in _WORDS.items()}


@lru_cache(maxsize=50_000)
def called(name: str, kind: str) -> int:
    """How clearly a column's name says that it holds that: 3 where it is the word, 2 where it has it among its words,
    1 where it holds it, 0 where it does not."""
    words = _WORDS[kind]
    whole = plain(_NO_LETTERS.sub("", name))
    if whole in words:
        return 3
    parts = [plain(part) for part in _APART.split(_CAMEL.sub(" ", name)) if part]
    stripped = [re.sub(r"\d+$", "", part) for part in parts]
    if any(part in words or part.removesuffix("s") in words for part in stripped if part):
        return 2
    return 1 if any(word in whole for word in _LONG[kind] if len(word) > 1) else 0


def is_word_for(name: str, kinds: Iterable[str]) -> bool:
    """Whether a column's name is the word for one of these, as ``called`` says it with 3."""
    whole = plain(_NO_LETTERS.sub("", name))
    return any(whole in _WORDS[kind] for kind in kinds)


def known_words(text: str) -> int:
    """How many words of columns stand in a text."""
    return sum(plain(part) in _ALL for part in re.split(r"[^\w]+|_", text) if part)


def is_called_end(name: str) -> bool:
    """Whether the name of a column of weeks says that they are dated on their last day, as in Week ending and W/E."""
    words = [plain(word) for word in re.split(r"[\W_\d]+", spaced(name)) if word]
    return any(word in _ENDS for word in words) or "".join(words) in ("we", "wedate")


def quoted(name: str) -> str:
    """A column's name as an expression has it: between backticks where it is no plain word."""
    return name if name.isidentifier() and name.isascii() else f"`{name}`"


def free_name(name: str, names: Collection[str]) -> str:
    """The name, or one made of it that no column has."""
    while name in names:
        name += "_"
    return name


def spaced(name: str) -> str:
    """The name with a space where a capital begins a word, as in unitPrice."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)


def words_of(name: str) -> set[str]:
    """The words of a column's name, and all of it as one."""
    text = plain(spaced(name)).replace("_", " ").replace("-", " ")
    return {*text.split(), text.replace(" ", "")}


def slug(name: str) -> str:
    """A name that a driver or an attribute may have, made of a column's; empty where none can be."""
    word = re.sub(r"[^a-z0-9]+", "_", plain(spaced(name))).strip("_")
    return word[:36] if word[:1].isalpha() else f"driver_{word}"[:36].strip("_") if word else ""
