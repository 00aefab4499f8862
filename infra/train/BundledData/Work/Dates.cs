namespace LLaDA.Batch.Train.BundledData.Work;

/// <summary>Days, hours and places of a document.</summary>
internal static class Dates
{
    public static readonly string[] Weekdays = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday"];

    private static readonly string[] s_months =
    [
        "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December",
    ];

    private static readonly string[] s_hours = ["eight", "nine", "ten", "eleven", "two", "three", "four"];
    private static readonly string[] s_streets = ["Mill Lane", "Church Street", "Station Road", "High Street", "River Walk", "Garden Row"];
    private static readonly string[] s_towns = ["Ashford", "Milton", "Northgate", "Westbrook", "Kingsbridge", "Oakley"];

    public static string Day(Draw draw) => $"{draw.Between(1, 28)} {draw.Of(s_months)}";

    public static string Month(Draw draw) => draw.Of(s_months);

    public static string Hour(Draw draw) => $"{draw.Of(s_hours)} o'clock";

    public static string Street(Draw draw) => $"{draw.Between(1, 40)} {draw.Of(s_streets)}";

    public static string Town(Draw draw) => draw.Of(s_towns);
}
