namespace LLaDA.Diffusion.Text.Templates;

/// <summary>Functions that every template may call.</summary>
/// <remarks>The time of day (<c>strftime_now</c>) is none of them: a row's result depends on its request alone.</remarks>
internal static class Functions
{
    public static IReadOnlySet<string> Names { get; } = new HashSet<string> { "raise_exception", "namespace", "range" };

    public static object Call(string name, GivenArguments given, Budget budget) => name switch
    {
        "raise_exception" => throw new DialogueRefusedException(Values.Write(given.Allow("message")[0, "message"]).Text),
        "namespace" => NewNamespace(given),
        _ => Range(given.Allow("start", "stop", "step"), budget),
    };

    private static Namespace NewNamespace(GivenArguments given)
    {
        if (given.Positional.Count > 0)
            throw new TemplateException("it makes a namespace of another value, which is not computed");
        var space = new Namespace();
        foreach (var (name, value) in given.Named)
            space.Attributes[name] = value;
        return space;
    }

    private static object?[] Range(GivenArguments given, Budget budget)
    {
        bool hasStart = given.Positional.Count > 1;
        long start = hasStart ? given.Whole(0, "start", 0) : 0, step = given.Whole(2, "step", 1);
        long stop = given.Whole(hasStart ? 1 : 0, "stop", 0);
        if (step == 0)
            throw new TemplateException("it counts with a step of zero");
        List<object?> numbers = [];
        for (long number = start; step > 0 ? number < stop : number > stop; number += step)
        {
            budget.MakeItems(0);
            numbers.Add(number);
        }
        return [.. numbers];
    }
}
