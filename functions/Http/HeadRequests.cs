namespace LLaDA.Batch.Functions.Http;

/// <summary>Answers HEAD on every GET route: the route is chosen as for GET, and the server leaves out the body.</summary>
internal static class HeadRequests
{
    private const string Item = "IsHead";

    /// <summary>Comes before routing.</summary>
    public static Task RouteAsGet(HttpContext context, RequestDelegate next)
    {
        if (HttpMethods.IsHead(context.Request.Method))
        {
            context.Items[Item] = true;
            context.Request.Method = HttpMethods.Get;
        }
        return next(context);
    }

    /// <summary>Comes behind routing: an endpoint that sends a file must know that the body is not sent.</summary>
    public static Task Restore(HttpContext context, RequestDelegate next)
    {
        if (context.Items.ContainsKey(Item))
            context.Request.Method = HttpMethods.Head;
        return next(context);
    }
}
