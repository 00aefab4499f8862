namespace LLaDA.Batch.Train.BundledData.Work;

/// <summary>A person of a made-up town.</summary>
/// <param name="Title">Mr, Mrs or Dr.</param>
internal sealed record Person(string Title, string FirstName, string LastName)
{
    private static readonly string[] s_women = ["Helen", "Mary", "Ruth", "Anna", "Sarah", "Clara", "Judith", "Martha", "Alice", "Rose"];
    private static readonly string[] s_men = ["Thomas", "Peter", "John", "Daniel", "James", "Mark", "Simon", "David", "Henry", "Paul"];

    private static readonly string[] s_lastNames =
    [
        "Carter", "Ward", "Baker", "Mason", "Fisher", "Turner", "Cook", "Hill", "Wood", "Stone", "Miller", "Shepherd", "King", "Young",
        "Brook", "Field",
    ];

    public string Formal => $"{Title} {LastName}";

    public string Full => $"{FirstName} {LastName}";

    public static Person Of(Draw draw)
    {
        bool isWoman = draw.Chance(50);
        string title = draw.Chance(10) ? "Dr" : isWoman ? "Mrs" : "Mr";
        return new Person(title, draw.Of(isWoman ? s_women : s_men), draw.Of(s_lastNames));
    }

    /// <summary>People with different last names.</summary>
    public static Person[] Several(Draw draw, int count)
    {
        string[] lastNames = draw.Some(s_lastNames, count);
        return [.. lastNames.Select(name => Of(draw) with { LastName = name })];
    }
}
