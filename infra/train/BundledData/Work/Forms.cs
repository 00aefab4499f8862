namespace LLaDA.Batch.Train.BundledData.Work;

/// <summary>Forms of one field a line.</summary>
internal static class Forms
{
    private static readonly Func<Draw, string>[] s_forms = [Repair, Order, Visit, Lost, Booking];

    public static string Write(Draw draw) => draw.Of(s_forms)(draw);

    private static string Repair(Draw draw)
    {
        var goods = draw.Of(Goods.All);
        var repair = draw.Of(goods.Repairs);
        return $"Repair order\nCustomer: {Person.Of(draw).Full}\n{Address(draw)}\nObject: {goods.Name}\n"
            + $"Fault: the {goods.Name} {repair.Fault}\nWork done: the {goods.Name} has {repair.Remedy}\n{Price(draw)}";
    }

    private static string Order(Draw draw)
    {
        var goods = draw.Some(Goods.All, 2);
        return $"Order form\nCustomer: {Person.Of(draw).Full}\n{Address(draw)}\n"
            + $"First item: {goods[0].Name}\nSecond item: {goods[1].Name}\n{Price(draw)}\n"
            + $"Delivery: {draw.Of(Dates.Weekdays)}, {Dates.Day(draw)}";
    }

    private static string Visit(Draw draw)
    {
        var (reason, treatment) = draw.Of(
        [
            ("a broken arm", "The arm was set in plaster"),
            ("a bad cough", "Rest and hot tea"),
            ("pain in a tooth", "The tooth was filled"),
            ("a cut finger", "The finger was bandaged"),
            ("a high fever", "Rest in bed and cold water"),
            ("a sore throat", "Honey and hot milk"),
        ]);
        var people = Person.Several(draw, 2);
        return $"Visit to the doctor\nPatient: {people[0].Full}\nDoctor: Dr {people[1].LastName}\nDate: {Dates.Day(draw)}\n"
            + $"Reason of the visit: {reason}\nTreatment: {treatment}\nNext visit: {draw.Of(Dates.Weekdays)} at {Dates.Hour(draw)}";
    }

    private static string Lost(Draw draw)
    {
        var (thing, place) = draw.Of(
        [
            ("a black umbrella", "on the train"), ("a brown bag", "at the station"), ("a silver watch", "in the church"),
            ("a set of keys", "in the market"), ("a red scarf", "in the school"), ("a leather purse", "in the shop"),
        ]);
        return $"Lost property\nFound: {thing}\nWhere: {place}\nWhen: {draw.Of(Dates.Weekdays)}, {Dates.Day(draw)}\n"
            + $"Finder: {Person.Of(draw).Full}\n{Address(draw)}";
    }

    private static string Booking(Draw draw)
    {
        int nights = draw.Between(2, 9);
        return $"Booking of a room\nGuest: {Person.Of(draw).Full}\n{Address(draw)}\nArrival: {Dates.Day(draw)}\n"
            + $"Number of nights: {nights}\n"
            + $"Room: {draw.Of(["single room", "double room"])} with {draw.Of(["a bath", "a balcony", "a garden view"])}\n"
            + $"Price: {nights} nights at {draw.Between(3, 9) * 10} pounds";
    }

    private static string Address(Draw draw) => $"Address: {Dates.Street(draw)}, {Dates.Town(draw)}";

    private static string Price(Draw draw) => $"Price: {draw.Between(2, 9) * 10} pounds";
}
