namespace LLaDA.Batch.Train.BundledData.Work;

/// <summary>Entries of journals and minutes of meetings.</summary>
internal static class Notes
{
    private static readonly Func<Draw, string>[] s_notes = [Minutes, Weather, Stock, Incident];

    private static readonly string[] s_subjects =
        ["the new roof", "the garden", "the school", "the bridge", "the market", "the library", "the water pipes", "the summer feast"];

    public static string Write(Draw draw) => draw.Of(s_notes)(draw);

    private static string Minutes(Draw draw)
    {
        var people = Person.Several(draw, 3);
        string subject = draw.Of(s_subjects), weekday = draw.Of(Dates.Weekdays);
        return $"Minutes of the meeting of {Dates.Day(draw)}\nPresent: {people[0].Formal}, {people[1].Formal} and {people[2].Formal}\n"
            + $"{people[0].Formal} opened the meeting at {Dates.Hour(draw)}. {people[1].Formal} spoke about {subject}. "
            + $"{people[2].Formal} asked what {subject} would cost. "
            + draw.Of(
            [
                $"It was agreed to speak about {subject} again on {weekday}.",
                $"{people[1].Formal} will write a report about {subject} by {weekday}.",
                $"The meeting agreed to pay {draw.Between(2, 9) * 100} pounds for {subject}.",
            ])
            + $" {people[0].Formal} closed the meeting.";
    }

    private static string Weather(Draw draw)
    {
        var (morning, evening) = draw.Of(
        [
            ("Snow in the morning, and the roads were white", "ice on the river"),
            ("Heavy rain in the morning, and the roads were wet", "water in the cellar"),
            ("Bright sun in the morning, and the air was warm", "a clear sky with many stars"),
            ("Thick fog in the morning, and nobody saw the hills", "the fog was gone"),
            ("A strong wind in the morning, and a tree fell", "the wind was still"),
        ]);
        return $"{draw.Of(Dates.Weekdays)}, {Dates.Day(draw)}. {morning}. In the evening {evening}. {Person.Of(draw).Formal} "
            + $"{draw.Of(["mended the fence", "fed the horses", "cut the hay", "cleaned the stable", "carried the wood"])}.";
    }

    private static string Stock(Draw draw)
    {
        var goods = draw.Some(Goods.All, 3);
        string Line(Goods item) => $"{item.Name}: {draw.Between(2, 30)} pieces, shelf {draw.Between(1, 9)}";
        return $"Stock of the store in {Dates.Town(draw)}, {Dates.Month(draw)}\n"
            + $"{string.Join('\n', goods.Select(Line))}\nCounted by {Person.Of(draw).Full}";
    }

    private static string Incident(Draw draw)
    {
        var person = Person.Of(draw);
        var (what, action) = draw.Of(
        [
            ("smelled smoke in the kitchen", "the fire was put out with water"),
            ("found the door of the office open", "a new lock was ordered"),
            ("slipped on the wet stairs", "the stairs were dried"),
            ("saw water on the floor of the cellar", "the pipe was mended"),
            ("heard a loud noise in the lift", "the lift was closed"),
        ]);
        return $"Report of {Dates.Day(draw)}\nAt {Dates.Hour(draw)} {person.Formal} {what}. "
            + $"{person.Formal} called the porter at once, and {action}. Nobody was hurt. The report was written by {person.Full}.";
    }
}
