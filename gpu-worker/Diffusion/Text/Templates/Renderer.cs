namespace LLaDA.Diffusion.Text.Templates;

/// <summary>Writes the text of a template for one dialogue.</summary>
internal sealed class Renderer
{
    private readonly Budget _budget = new();
    private readonly Evaluator _evaluator;

    public Renderer() => _evaluator = new Evaluator(_budget, CallMacro);

    /// <summary>Where the statements behind one continue.</summary>
    private enum Flow
    {
        Next,
        NextTurn,
        BehindLoop,
    }

    /// <exception cref="TemplateException">The template fails, or refuses the dialogue.</exception>
    public MarkedText Render(IReadOnlyList<Statement> body, Scope scope)
    {
        List<MarkedText> output = [];
        Run(body, scope, output);
        return Joined(output);
    }

    private MarkedText Joined(List<MarkedText> parts)
    {
        _budget.Make(parts.Sum(part => (long)part.Length));
        return MarkedText.Concat(parts);
    }

    private Flow Run(IReadOnlyList<Statement> body, Scope scope, List<MarkedText> output)
    {
        _budget.Enter();
        var flow = Flow.Next;
        for (int index = 0; index < body.Count && flow == Flow.Next; index++)
            flow = Run(body[index], scope, output);
        _budget.Leave();
        return flow;
    }

    private Flow Run(Statement statement, Scope scope, List<MarkedText> output)
    {
        switch (statement)
        {
            case WriteText text:
                output.Add(text.Text);
                _budget.Make(1);
                return Flow.Next;
            case WriteValue write:
                output.Add(Values.Write(_evaluator.Evaluate(write.Value, scope)));
                _budget.Make(1);
                return Flow.Next;
            case If choice:
                foreach (var (condition, body) in choice.Branches)
                {
                    if (condition is null || Values.IsTrue(_evaluator.Evaluate(condition, scope)))
                        return Run(body, scope, output);
                }
                return Flow.Next;
            case For loop:
                return RunLoop(loop, scope, output);
            case Set set:
                Assign(set, scope);
                return Flow.Next;
            case SetBlock block:
                List<MarkedText> written = [];
                Run(block.Body, scope, written);
                scope[block.Name] = Joined(written);
                return Flow.Next;
            case DefineMacro macro:
                scope[macro.Name] = new Macro(macro, scope);
                return Flow.Next;
            case Jump jump:
                return jump.EndsLoop ? Flow.BehindLoop : Flow.NextTurn;
            default:
                throw new TemplateException($"it has {statement.GetType().Name}, which is not computed");
        }
    }

    /// <remarks>As in Jinja, <c>else</c> is for a loop of which no turn reached its end, be it broken off.</remarks>
    private Flow RunLoop(For loop, Scope outer, List<MarkedText> output)
    {
        object?[] items = Values.Items(_evaluator.Evaluate(loop.Items, outer), _budget);
        if (loop.Condition is { } condition)
        {
            items = [.. items.Where(item =>
            {
                var scope = new Scope(outer);
                Unpack(loop.Names, item, scope);
                return Values.IsTrue(_evaluator.Evaluate(condition, scope));
            })];
        }
        var state = new Loop(items);
        bool isTurnDone = false;
        var flow = Flow.Next;
        for (; state.Index < items.Length && flow != Flow.BehindLoop; state.Index++)
        {
            _budget.MakeItems(0);
            var scope = new Scope(outer) { ["loop"] = state };
            Unpack(loop.Names, items[state.Index], scope);
            flow = Run(loop.Body, scope, output);
            isTurnDone |= flow == Flow.Next;
        }
        return isTurnDone ? Flow.Next : Run(loop.Otherwise, new Scope(outer), output);
    }

    private void Unpack(IReadOnlyList<string> names, object? value, Scope scope)
    {
        if (names is [var single])
        {
            scope[single] = value;
            return;
        }
        object?[] parts = Values.Items(value, _budget);
        if (parts.Length != names.Count)
            throw new TemplateException($"it takes {parts.Length} values apart into {names.Count} variables");
        foreach (var (index, name) in names.Index())
            scope[name] = parts[index];
    }

    private void Assign(Set set, Scope scope)
    {
        object? value = _evaluator.Evaluate(set.Value, scope);
        if (set.Namespace is null)
            Unpack(set.Names, value, scope);
        else if (scope[set.Namespace] is Namespace space)
            space.Attributes[set.Names[0]] = value;
        else
            throw new TemplateException($"it sets {set.Namespace}.{set.Names[0]}, but {set.Namespace} is no namespace");
    }

    private MarkedText CallMacro(Macro macro, GivenArguments given)
    {
        var (name, parameters, body) = macro.Definition;
        given.Allow([.. parameters.Select(parameter => parameter.Name)]);
        var scope = new Scope(macro.Scope);
        foreach (var (index, (parameter, _)) in parameters.Index())
            scope[parameter] = given[index, parameter];
        foreach (var (index, (parameter, absent)) in parameters.Index())
        {
            if (absent is not null && index >= given.Positional.Count && !given.Named.ContainsKey(parameter))
                scope[parameter] = _evaluator.Evaluate(absent, scope);
        }
        List<MarkedText> output = [];
        Run(body, scope, output);
        return Joined(output);
    }
}
