namespace LLaDA.Batch.Train.BundledData.Work;

/// <summary>Business letters. The parties, the goods and the dates stay the same throughout a letter.</summary>
internal static class Letters
{
    private static readonly string[] s_offices = ["Customer Service", "Sales Office", "Repair Office", "Accounts Office"];

    private sealed record Matter(Person Writer, Person Reader, Goods Goods, string Day, string Weekday);

    private static readonly Func<Draw, Matter, string>[] s_bodies =
        [Broken, Late, Repaired, Appointment, Moved, Invoice, Paid, Thanks, Application, Leave];

    public static string Write(Draw draw)
    {
        var people = Person.Several(draw, 2);
        var matter = new Matter(people[0], people[1], draw.Of(Goods.All), Dates.Day(draw), draw.Of(Dates.Weekdays));
        string body = draw.Of(s_bodies)(draw, matter);
        string close = draw.Of(["Yours sincerely", "With kind regards"]);
        string office = draw.Chance(50) ? $"\n{draw.Of(s_offices)}" : "";
        string place = draw.Chance(40) ? $"{Dates.Town(draw)}, {Dates.Day(draw)}\n\n" : "";
        return $"{place}Dear {matter.Reader.Formal},\n\n{body}\n\n{close},\n{matter.Writer.Full}{office}";
    }

    private static string Broken(Draw draw, Matter matter) =>
        $"Thank you for your letter of {matter.Day}. We are sorry to hear that the {matter.Goods.Name} which you ordered arrived broken. "
        + $"We will send you a new {matter.Goods.Name} on {matter.Weekday}. "
        + draw.Of(["You need not return the old one.", "Please keep the old one until then.", "There is nothing to pay."]);

    private static string Late(Draw draw, Matter matter) =>
        $"We are sorry that the {matter.Goods.Name} which you ordered on {matter.Day} has not arrived. "
        + draw.Of(["The road to our store was closed.", "Our store was closed.", "The order was sent to the wrong address."])
        + $" The {matter.Goods.Name} will be with you on {matter.Weekday}.";

    private static string Repaired(Draw draw, Matter matter)
    {
        var repair = draw.Of(matter.Goods.Repairs);
        return $"You told us on {matter.Day} that your {matter.Goods.Name} {repair.Fault}. It has been repaired and has {repair.Remedy}. "
            + $"You can collect the {matter.Goods.Name} on {matter.Weekday}. The price of the repair is {draw.Between(2, 9) * 10} pounds.";
    }

    private static string Appointment(Draw draw, Matter matter) =>
        $"Thank you for your call. Your appointment is on {matter.Weekday}, {matter.Day}, at {Dates.Hour(draw)}. "
        + draw.Of(["Please bring this letter with you.", "Please call us if you cannot come.", "Please come ten minutes early."]);

    private static string Moved(Draw draw, Matter matter) =>
        $"I am sorry, but I cannot come to our appointment on {matter.Weekday}. "
        + draw.Of(["My train is late.", "I am ill.", "My daughter is ill.", "I must be at another meeting."])
        + $" Could we meet on {matter.Day} at {Dates.Hour(draw)} instead? Please tell me if that day suits you.";

    private static string Invoice(Draw draw, Matter matter) =>
        $"We sent you the invoice for the {matter.Goods.Name} on {matter.Day}, and it has not been paid. "
        + $"Please pay {draw.Between(2, 9) * 10} pounds by {matter.Weekday}. "
        + draw.Of(["If you have paid it already, please forget this letter.", "If you have a question about the invoice, please call us."]);

    private static string Paid(Draw draw, Matter matter) =>
        $"Thank you for paying the invoice of {matter.Day}. We have received {draw.Between(2, 9) * 10} pounds for the {matter.Goods.Name}. "
        + draw.Of(["Nothing more is to be paid.", "We hope that you will order from us again."]);

    private static string Thanks(Draw draw, Matter matter) =>
        $"Thank you for your help on {matter.Weekday}. "
        + draw.Of(["The meeting was a success.", "The visitors were very pleased.", "We finished all the work in time."])
        + $" I would be glad if you could come again on {matter.Day}.";

    private static string Application(Draw draw, Matter matter) =>
        $"Thank you for your application of {matter.Day} for the post of {draw.Of(["clerk", "driver", "teacher", "cook", "gardener"])}. "
        + (draw.Chance(50)
            ? $"We would like to meet you on {matter.Weekday} at {Dates.Hour(draw)}. Please bring your papers with you."
            : "We are sorry to tell you that the post has been given to another person. We wish you success for the future.");

    private static string Leave(Draw draw, Matter matter)
    {
        int days = draw.Between(2, 9);
        return $"I would like to take {days} days of leave from {matter.Weekday}, {matter.Day}. "
            + $"{draw.Of(["Our colleague", "My colleague"])} will do my work during the {days} days. I would be glad if you could agree.";
    }
}
