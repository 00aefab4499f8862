namespace LLaDA.Batch.Train.BundledData.Work;

/// <summary>A thing that is sold and repaired. Each fault has one repair, so that either tells the other.</summary>
internal sealed record Goods(string Name, Repair[] Repairs)
{
    private static readonly Repair s_plug = new("does not switch on", "a new plug"), s_cable = new("switches off at once", "a new cable");

    private static readonly Repair s_motor = new("makes a loud noise", "a new motor"), s_seal = new("leaks water", "a new seal");

    public static readonly Goods[] All =
    [
        new("kettle", [s_plug, s_seal, new("does not get hot", "a new heater")]),
        new("washing machine", [s_plug, s_motor, s_seal, new("does not drain", "a new pump")]),
        new("lamp", [s_plug, s_cable, new("does not give light", "a new bulb")]),
        new("oven", [s_plug, s_cable, new("does not get hot", "a new heater")]),
        new("radio", [s_plug, s_cable, new("gives no sound", "a new speaker")]),
        new("printer", [s_plug, s_motor, new("prints empty pages", "a new ribbon")]),
        new("bicycle", [new("does not stop", "a new brake"), new("has a flat tyre", "a new tyre"), new("does not shine", "a new lamp")]),
        new("clock", [new("has stopped", "a new battery"), new("runs slow", "a new spring")]),
        new("fan", [s_plug, s_motor, s_cable]),
        new("door", [new("does not close", "a new lock"), new("makes a noise", "a new hinge")]),
    ];
}

internal sealed record Repair(string Fault, string Remedy);
