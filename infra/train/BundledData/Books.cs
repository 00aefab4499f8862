namespace LLaDA.Batch.Train.BundledData;

/// <summary>Names of the books of the Bible by the abbreviations of the table.</summary>
internal static class Books
{
    private static readonly Dictionary<string, string> s_names = new(StringComparer.Ordinal)
    {
        ["Ge"] = "Genesis", ["Exo"] = "Exodus", ["Lev"] = "Leviticus", ["Num"] = "Numbers", ["Deu"] = "Deuteronomy", ["Josh"] = "Joshua",
        ["Jdgs"] = "Judges", ["1Sm"] = "1 Samuel", ["2Sm"] = "2 Samuel", ["1Ki"] = "1 Kings", ["2Ki"] = "2 Kings",
        ["1Chr"] = "1 Chronicles", ["2Chr"] = "2 Chronicles", ["Neh"] = "Nehemiah", ["Est"] = "Esther", ["Psa"] = "Psalm",
        ["Prv"] = "Proverbs", ["Eccl"] = "Ecclesiastes", ["SSol"] = "Song of Solomon", ["Isa"] = "Isaiah", ["Jer"] = "Jeremiah",
        ["Lam"] = "Lamentations", ["Eze"] = "Ezekiel", ["Dan"] = "Daniel", ["Hos"] = "Hosea", ["Obad"] = "Obadiah", ["Mic"] = "Micah",
        ["Hab"] = "Habakkuk", ["Zep"] = "Zephaniah", ["Hag"] = "Haggai", ["Zec"] = "Zechariah", ["Mal"] = "Malachi", ["Mat"] = "Matthew",
        ["Rom"] = "Romans", ["1Cor"] = "1 Corinthians", ["2Cor"] = "2 Corinthians", ["Gal"] = "Galatians", ["Eph"] = "Ephesians",
        ["Phi"] = "Philippians", ["Col"] = "Colossians", ["1Th"] = "1 Thessalonians", ["2Th"] = "2 Thessalonians", ["1Tim"] = "1 Timothy",
        ["2Tim"] = "2 Timothy", ["Phmn"] = "Philemon", ["Heb"] = "Hebrews", ["1Pet"] = "1 Peter", ["2Pet"] = "2 Peter", ["1Jn"] = "1 John",
        ["2Jn"] = "2 John", ["3Jn"] = "3 John", ["Rev"] = "Revelation",
    };

    public static string Name(string book) => s_names.GetValueOrDefault(book, book);
}
